import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiClient, apiClient } from '../src/cli/api-client.ts'
import { encodeRecord } from '../src/collect/record.ts'
import { configFrom } from '../src/config.ts'
import { cleanMemberships, compactMemberships } from '../src/definitions/compaction.ts'
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
  /** Folds everything that changed into bitmaps, and drops what they replace, as the evaluator does once there is much of it. Flush first. */
  compact(): Promise<void>
  stop(): Promise<void>
}

let sent = 0

export async function livingWorkspace(
  startsAt: number,
  environment: Record<string, string> = {},
  level: 'error' | 'fatal' = 'error',
): Promise<LivingWorkspace> {
  const dataDir = mkdtempSync(join(tmpdir(), 'zhike-living-'))
  chmodSync(dataDir, 0o755)
  const clock = { now: startsAt }
  const started = async () => {
    const running = await startZhike(
      configFrom({ ...environment, ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }),
      createLogger(level),
      () => clock.now,
    )
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
    async compact() {
      const parts = { ...now.running.core.stores, now: () => clock.now }
      const lastTick: Parameters<typeof compactMemberships>[0]['lastTick'] = async tx =>
        (await tx.query<{ tick: number }>('select tick from evaluation_head'))[0]?.tick ?? 0
      while ((await compactMemberships({ ...parts, lastTick, few: 1 })).length > 0)
        await cleanMemberships({ ...parts, now: () => clock.now + 60_000 })
    },
    async stop() {
      await now.running.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
