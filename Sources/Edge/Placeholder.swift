import Configuration
import DequeModule
import Mustache
import NIOCore
import NIOPosix
import NIOSSL
import NIOWebSocket
