import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiClient, apiClient } from '../src/cli/api-client.ts'
import { encodeRecord } from '../src/collect/record.ts'
import { configFrom } from '../src/config.ts'
import { createLogger } from '../src/http/logger.ts'
import { type Running, startZhike } from '../src/serve.ts'

/** A whole workspace whose clock the test moves. */
export interface LivingWorkspace {
  zhike: Running
  api: ApiClient
  /** Milliseconds. */
  now: number
  /** Segment messages, as if they had just come; `timestamp` is now unless they say another. */
  send(...messages: Record<string, unknown>[]): Promise<void>
  /** The tags of a person by value, and the audiences. */
  portraitOf(userId: string): Promise<{ id: string; tags: Record<string, unknown>; audiences: string[] }>
  flush(): Promise<void>
  /** Stops the server and starts it again on what it left. */
  restart(): Promise<void>
  stop(): Promise<void>
}

let sent = 0

export async function livingWorkspace(startsAt: number, logLevel: 'error' | 'fatal' = 'error'): Promise<LivingWorkspace> {
  const dataDir = mkdtempSync(join(tmpdir(), 'zhike-living-'))
  chmodSync(dataDir, 0o755)
  const clock = { now: startsAt }
  const started = async () => {
    const running = await startZhike(configFrom({ ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }), createLogger(logLevel), () => clock.now)
    const { apiKey } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as { apiKey: string }
    return { running, api: apiClient(running.url, apiKey) }
  }
  let now = await started()
  return {
    get zhike() {
      return now.running
    },
    get api() {
      return now.api
    },
    get now() {
      return clock.now
    },
    set now(ms) {
      clock.now = ms
    },
    async send(...messages) {
      const batch = messages.map(message => ({
        messageId: `m${sent++}`,
        timestamp: new Date(clock.now).toISOString(),
        type: 'track',
        ...message,
      }))
      const envelope = {
        format: 'segment',
        form: 'batch',
        source: 'shop',
        channel: 'web',
        receivedAt: clock.now,
        ip: '',
        rejected: [],
      } as const
      await now.running.core.events.append(0, encodeRecord(envelope, Buffer.from(JSON.stringify({ batch }))), batch.length)
    },
    async portraitOf(userId) {
      const profile = await now.api.call<{ id: string; tags: { key: string; value: unknown }[]; audiences: string[] }>(
        'GET',
        `/api/profiles/user_id/${userId}`,
      )
      return { id: profile.id, tags: Object.fromEntries(profile.tags.map(({ key, value }) => [key, value])), audiences: profile.audiences }
    },
    flush: () => now.api.call('POST', '/api/flush'),
    async restart() {
      await now.running.stop()
      now = await started()
    },
    async stop() {
      await now.running.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
