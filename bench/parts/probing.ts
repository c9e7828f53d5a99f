import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { configFrom } from '../../src/config.ts'
import { type Running, startZhike } from '../../src/serve.ts'

/** A whole server on a data directory of its own that goes afterwards. */
export async function withServer<T>(work: (running: Running) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-bench-'))
  chmodSync(directory, 0o755)
  const config = configFrom({ ZHIKE_DATA: directory, ZHIKE_PORT: '0', ZHIKE_API_KEY: 'bench-api-key', ZHIKE_WRITE_KEY: 'bench-write-key' })
  const running = await startZhike({ ...config, port: 0 }, pino({ level: 'error' }))
  try {
    return await work(running)
  } finally {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * People who say who they are beside a load, read until the answer holds a text. Senders and readers have an event loop of their own.
 * @returns ms after the acknowledgement, and how many events went beside
 */
export async function probed(url: string, perSecond: number, seconds: number, text: string): Promise<{ delays: number[]; sent: number }> {
  const client = fork(new URL('freshness-client.ts', import.meta.url), [url, `${perSecond}`, `${seconds}`, text])
  const [answer] = await Promise.race([once(client, 'message'), once(client, 'exit')])
  if (typeof answer !== 'object') throw new Error(`the client ended with ${answer}`)
  return answer as { delays: number[]; sent: number }
}
