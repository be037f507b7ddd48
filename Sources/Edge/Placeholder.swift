import NIOCore
import NIOPosix
import NIOSSL
import NIOWebSocket
import Mustache
import Configuration
import DequeModule
