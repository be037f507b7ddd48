"""Certificates of the tests' own, and clients that trust everybody."""

import ssl
import subprocess


def unverifying_context():
    """A client's context that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def make_certificate(folder, name):
    key, cert = folder / "key.pem", folder / "cert.pem"
    new_key, new_cert = folder / "new-key.pem", folder / "new-cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", new_key,
         "-out", new_cert, "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )
    new_key.rename(key)
    new_cert.rename(cert)
    return cert, key
