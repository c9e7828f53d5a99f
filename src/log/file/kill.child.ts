import { writeSync } from 'node:fs'
import { openFileLog } from './file-log.ts'
import { payloadOf } from './kill.payload.ts'

/** Appends without pause and says each acknowledged record: offset, lane and number. Its parent kills it. */
const [directory = '', life = ''] = process.argv.slice(2)
const log = await openFileLog({
  directory,
  key: Buffer.alloc(32, 1),
  now: Date.now,
  segmentBytes: 300_000,
  retainEveryMs: 0,
  reserveBytes: 0,
})

async function lane(number: number): Promise<void> {
  for (let n = 0; ; n++) {
    const name = `${life}.${number}.${n}`
    const { payload, count } = payloadOf(name)
    const offset = await log.append(0, payload, count)
    writeSync(1, `${offset} ${name}\n`)
  }
}

await Promise.all(Array.from({ length: 16 }, (_, number) => lane(number)))
