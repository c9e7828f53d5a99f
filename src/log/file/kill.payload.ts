import { createHash } from 'node:crypto'

/** For the kill test: the record of a name, the same in parent and child. */
export function payloadOf(name: string): { payload: Buffer; count: number } {
  const digest = createHash('sha256').update(name).digest()
  const text = `${name} `.padEnd(20 + (digest.readUInt16BE(0) % 3000), digest.toString('base64'))
  return { payload: Buffer.from(text), count: 1 + ((digest[2] ?? 0) % 4) }
}
