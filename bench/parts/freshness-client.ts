import { setTimeout as sleep } from 'node:timers/promises'
import { apiHeaders, headers, send } from './sender.ts'

/** Sends events at an even rate, and measures how soon what follows from people having just said who they are can be read of them. */

/** Ten times a second somebody new says who they are; how long until the profile shows it. */
async function probe(url: string, seconds: number): Promise<number[]> {
  const probes: Promise<number>[] = []
  for (let n = 0; n < seconds * 10; n++) {
    probes.push(one(url, `probe-${n}`))
    await sleep(100)
  }
  return Promise.all(probes)
}

async function one(url: string, user: string): Promise<number> {
  const body = JSON.stringify({ userId: user, messageId: user, traits: { level: 'gold' } })
  const answer = await fetch(`${url}/v1/identify`, { method: 'POST', headers, body })
  if (answer.status !== 200) throw new Error(`the collector answered ${answer.status}`)
  await answer.arrayBuffer()
  const acknowledgedAt = performance.now()
  for (;;) {
    const profile = await fetch(`${url}/api/profiles/user_id/${user}`, { headers: apiHeaders })
    const text = await profile.text()
    if (profile.status === 200 && text.includes(awaited)) return performance.now() - acknowledgedAt
    await sleep(5)
  }
}

const [server = '', rate, lasting, awaited = ''] = process.argv.slice(2)
const stop = new AbortController()
const load = send(server, Number(rate), stop.signal)
await sleep(3_000)
const delays = await probe(server, Number(lasting))
stop.abort()
process.send?.({ delays, sent: await load })
process.disconnect?.()
