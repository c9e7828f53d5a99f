import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { payloadOf } from './kill.payload.ts'
import { readAll } from './read-all.ts'
import { openLog, temporaryDirectory } from './temporary.ts'

test('a process killed again and again while it appends loses nothing that it acknowledged', async () => {
  const directory = temporaryDirectory()
  const acknowledged = new Map<number, string>()
  for (let life = 0; life < 6; life++) {
    for (const [offset, name] of await killedAfter(50 + 90 * life, directory, life)) acknowledged.set(offset, name)
  }
  expect(acknowledged.size).toBeGreaterThan(100)

  const log = await openLog({ directory, report: outcome => expect(outcome.kind).toBe('tail-cut') })
  const records = await readAll(log)
  const names = records.map(({ payload }) => payload.toString().split(' ', 1)[0] ?? '')
  expect(new Set(names).size).toBe(names.length)
  let next = 0
  for (const [index, { offset, payload, count }] of records.entries()) {
    expect(offset).toBe(next)
    expect({ payload, count }).toEqual(payloadOf(names[index] ?? ''))
    next += count
  }
  const found = new Map(records.map(({ offset }, index) => [offset, names[index]]))
  for (const [offset, name] of acknowledged) expect(found.get(offset)).toBe(name)
})

/** What a child acknowledged until it was killed, so long after its first word. */
async function killedAfter(ms: number, directory: string, life: number): Promise<[number, string][]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'kill.child.ts'), directory, `${life}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), ms)
    said += bytes.toString()
  })
  await once(child, 'close')
  expect(child.signalCode).toBe('SIGKILL')
  const lines = said.slice(0, said.lastIndexOf('\n')).split('\n')
  return lines.map(line => line.split(' ')).map(([offset, name = '']) => [Number(offset), name])
}
