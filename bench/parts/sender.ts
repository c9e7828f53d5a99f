import { setTimeout as sleep } from 'node:timers/promises'
import { shopEvent } from './workload.ts'

export const headers = { authorization: `Basic ${Buffer.from('bench-write-key:').toString('base64')}`, 'content-type': 'application/json' }
export const apiHeaders = { authorization: 'Bearer bench-api-key' }

/** Batches of twenty events of one person, evenly over each second. @returns how many */
export async function send(url: string, perSecond: number, signal: AbortSignal): Promise<number> {
  const batchSize = 20
  const startedAt = performance.now()
  let sent = 0
  const waiting = new Set<Promise<unknown>>()
  while (!signal.aborted) {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond
    while (sent < due) {
      const batch = Array.from({ length: batchSize }, (_, n) => shopEvent(1_000_000 + Math.floor((sent + n) / 20), (sent + n) % 20))
      sent += batchSize
      const answer = fetch(`${url}/v1/batch`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ batch, sentAt: new Date().toISOString() }),
      })
        .then(response => response.arrayBuffer())
        .finally(() => waiting.delete(answer))
      waiting.add(answer)
    }
    await sleep(5)
  }
  await Promise.all(waiting)
  return sent
}
