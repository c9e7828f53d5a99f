import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { apiHeaders, send } from './sender.ts'

/** Sends events at an even rate, and reads those people at an even rate, and asks for a decision about one more of ten. */

const [server = '', rate = '', reads = '', lasting = ''] = process.argv.slice(2)
const firstPerson = 1_000_000
const times = { profiles: [] as number[], decisions: [] as number[] }
let tagged = 0

async function timed(into: number[], path: string): Promise<void> {
  const startedAt = performance.now()
  const text = await textOf(path)
  into.push(performance.now() - startedAt)
  if (text.includes('tag_0')) tagged += 1
}

/** Connections stay open, as those of a program that asks often do. */
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

function textOf(path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  get(`${server}${path}`, { agent, headers: apiHeaders }, answer => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.on('end', () =>
      answer.statusCode === 200 ? resolve(Buffer.concat(chunks).toString()) : reject(new Error(`${path} answered ${answer.statusCode}`)),
    )
  }).on('error', reject)
  return promise
}

/** At its moment, whether those before have been answered or not. */
async function read(perSecond: number, seconds: number, people: () => number): Promise<void> {
  const startedAt = performance.now()
  const waiting: Promise<void>[] = []
  for (let n = 0; n < perSecond * seconds; n++) {
    const waitMs = startedAt + (n * 1_000) / perSecond - performance.now()
    if (waitMs > 1) await sleep(waitMs)
    const person = `u-${firstPerson + ((n * 7919) % people())}`
    waiting.push(
      n % 11 !== 10
        ? timed(times.profiles, `/api/profiles/user_id/${person}`)
        : timed(times.decisions, `/api/decide?namespace=user_id&value=${person}&audiences=lookers&tags=tag_0,tag_1`),
    )
  }
  await Promise.all(waiting)
}

const stop = new AbortController()
const load = send(server, Number(rate), stop.signal)
await sleep(6_000)
const known = Math.floor((Number(rate) * 3) / 20)
await read(Number(reads) * 1.1, Number(lasting), () => known)
stop.abort()
const sent = await load
// The answer is long: it is gone before the connection is closed.
process.send?.({ ...times, tagged, sent }, () => process.disconnect())
