// @hocuspocus/server as shipped: no extensions, no storage. Quiet, on the port given.
// `server.listen()` would listen on every address, whatever `address` says; hence the HTTP server itself.
import { Server } from '@hocuspocus/server'

const server = new Server({ quiet: true })
server.httpServer.listen(Number(process.argv[2]), '127.0.0.1')
