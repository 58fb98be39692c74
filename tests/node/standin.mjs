/**
 * Two servers to compare with, each ready like ours (`{"event":"server_ready","port":N}` on stderr):
 * `mute` accepts, answers sync step 1 and awareness queries with nothing, and relays nothing, so a suite that passes on it proves nothing;
 * `memory` is the stock server of y-websocket 1.5 without persistence, so a durability suite that passes on it proves nothing.
 */
import http from 'node:http'
import { createRequire } from 'node:module'
import { WebSocketServer } from 'ws'

const [kind = 'mute', host = '127.0.0.1', port = '0'] = process.argv.slice(2)

const STEP1_TO_EMPTY = Buffer.from([0, 0, 1, 0])
const AWARENESS_EMPTY = Buffer.from([1, 1, 0])
const STEP2_EMPTY = Buffer.from([0, 1, 2, 0, 0])

const mute = (ws) => {
  ws.send(STEP1_TO_EMPTY)
  ws.on('message', (data) => {
    if (data[0] === 0 && data[1] === 0) ws.send(STEP2_EMPTY)
    if (data[0] === 3) ws.send(AWARENESS_EMPTY)
  })
}

const stock = () => createRequire(import.meta.url)('y-websocket-1.5/bin/utils').setupWSConnection

const connect = kind === 'memory' ? stock() : mute
const server = http.createServer((_request, response) => response.end('stand-in\n'))
const sockets = new WebSocketServer({ server })
sockets.on('connection', connect)
server.listen(Number(port), host, () => {
  const { port: bound } = server.address()
  process.stderr.write(JSON.stringify({ event: 'server_ready', port: bound, url: `http://${host}:${bound}` }) + '\n')
})
process.on('SIGTERM', () => process.exit(0))
