import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fingerprinting, openSeenMessages } from './index.ts'

const messagesFrom = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ source: 'web', messageId: `message-${from + i}`, receivedAt: 400 * 86_400_000 }))

/** Goes on from the offset it is given and prints every offset through which it has remembered. */
const program = `
  import { fingerprinting, openSeenMessages } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
  const messagesFrom = ${messagesFrom}
  const fingerprintsOf = fingerprinting(Buffer.alloc(32, 1))
  const directory = process.argv[1]
  const seen = await openSeenMessages({ directory, now: () => 400 * 86_400_000, flushAt: 20_000 })
  const committed = Number(process.argv[2])
  for (let at = seen.coveredThrough; at < committed; at += 2_000) {
    await seen.replay(fingerprintsOf(messagesFrom(at, 2_000)), at + 2_000)
  }
  for (let at = committed; ; at += 2_000) {
    const prints = fingerprintsOf(messagesFrom(at, 2_000))
    const fresh = await seen.probe(prints)
    if (fresh.includes(0)) throw new Error('a new message was taken for a repeat')
    process.stdout.write(at + 2_000 + '\\n')
    await seen.remember(prints, fresh, at + 2_000)
    await new Promise(resolve => setTimeout(resolve, 8))
  }`

test('killed at random moments, again and again, it takes no message twice and drops none', async () => {
  const root = mkdtempSync(join(tmpdir(), 'zhike-dedup-'))
  const directory = join(root, 'p0')
  const fingerprintsOf = fingerprinting(Buffer.alloc(32, 1))
  let committed = 0
  let covered = 0
  for (let kill = 0; kill < 5; kill++) {
    committed = await runUntilKilled(directory, committed, 30_000 + Math.random() * 60_000)
    const seen = await openSeenMessages({ directory, now: () => 400 * 86_400_000 })
    expect(seen.coveredThrough).toBeGreaterThanOrEqual(covered)
    expect(seen.coveredThrough).toBeLessThanOrEqual(committed)
    covered = seen.coveredThrough
    for (let at = 0; at < covered; at += 2_000) expect((await seen.probe(fingerprintsOf(messagesFrom(at, 2_000)))).includes(1)).toBe(false)
    await seen.close()
  }
  expect(covered).toBeGreaterThan(100_000)
  rmSync(root, { recursive: true })
})

function runUntilKilled(directory: string, committed: number, afterMessages: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, directory, String(committed)])
    let output = ''
    let errors = ''
    child.stdout.on('data', (data: Buffer) => {
      output += data
      if (!child.killed && lastLine(output) > committed + afterMessages) setTimeout(() => child.kill('SIGKILL'), Math.random() * 30)
    })
    child.stderr.on('data', (data: Buffer) => {
      errors += data
    })
    child.on('exit', (_, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(errors))
      else resolve(lastLine(output))
    })
  })
}

/** Of whole lines: a kill may cut the last one. */
function lastLine(output: string): number {
  return Number(output.split('\n').at(-2))
}
