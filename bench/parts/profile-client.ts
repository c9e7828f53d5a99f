import { setTimeout as sleep } from 'node:timers/promises'
import { apiHeaders, send } from './sender.ts'

/** Sends events at an even rate, and reads those people at an even rate, and asks for a decision about one more of ten. */

const [server = '', rate = '', reads = '', lasting = ''] = process.argv.slice(2)
const firstPerson = 1_000_000
const times = { profiles: [] as number[], decisions: [] as number[] }
let tagged = 0

async function timed(into: number[], path: string): Promise<void> {
  const startedAt = performance.now()
  const answer = await fetch(`${server}${path}`, { headers: apiHeaders })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`)
  into.push(performance.now() - startedAt)
  if (text.includes('tag_0')) tagged += 1
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
process.send?.({ ...times, tagged, sent: await load })
process.disconnect?.()
