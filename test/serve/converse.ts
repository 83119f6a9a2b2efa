import type net from 'node:net'
import { systemClock } from '#lib/base/clock.ts'

/** Sends the octets (latin-1) in the given pieces and resolves with all the server says until it closes. */
export async function converse(stage: { connect(): net.Socket }, pieces: readonly string[], pauseMs = 0): Promise<string> {
  const socket = stage.connect()
  socket.setNoDelay(true)
  let heard = ''
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  for (const piece of pieces) {
    socket.write(piece, 'latin1')
    if (pauseMs > 0) await systemClock.sleep(pauseMs)
    else await new Promise(setImmediate)
  }
  await closed
  return heard
}
