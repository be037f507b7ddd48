import AsyncHTTPClient
import ArgumentParser
import CQREncode
print("hi")
