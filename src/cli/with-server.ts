import { firstKeysIn } from '../access/first-keys.ts'
import type { Config } from '../config.ts'
import { Refusal } from '../refusal.ts'
import { type ApiClient, apiClient } from './api-client.ts'
import { runningServer } from './running-server.ts'

export interface Started {
  url: string
  stop(): Promise<void>
}
export type StartZhike = (config: Config) => Promise<Started>

/** Does the work through the API of the server that runs on the data directory, or of one started for as long as the work takes. */
export async function withServer<T>(config: Config, start: StartZhike, work: (api: ApiClient) => Promise<T>): Promise<T> {
  const running = await runningServer(config.dataDir)
  if (running) return work(apiClient(running.url, apiKeyOf(config)))
  const started = await start({ ...config, host: '127.0.0.1', port: 0, logLevel: config.logLevel === 'info' ? 'warn' : config.logLevel })
  try {
    return await work(apiClient(started.url, apiKeyOf(config)))
  } finally {
    await started.stop()
  }
}

export function apiKeyOf(config: Config): string {
  const key = config.apiKey ?? firstKeysIn(config.dataDir)?.apiKey
  if (key) return key
  throw new Refusal(401, 'no-api-key', `no API key is known here: set ZHIKE_API_KEY, as ${config.dataDir}/keys.json has none`)
}
