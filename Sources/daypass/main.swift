import ArgumentParser
import AsyncHTTPClient
import CQREncode

print("hi")
