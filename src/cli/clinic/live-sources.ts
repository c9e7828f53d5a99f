import { Refusal } from '../../refusal.ts'
import type { ApiClient } from '../api-client.ts'
import { messagesOf } from './messages.ts'
import { exportFiles, type Row } from './rows.ts'

const sources = [
  { key: 'mini_program', name: '小程序商城(演示)', kind: 'mini_program' },
  { key: 'wecom', name: '企业微信(演示)', kind: 'server' },
  { key: 'oa', name: '服务号(演示)', kind: 'server' },
] as const

/** The systems that send as it happens, each with its write key, as their SDKs do. */
export class LiveSources {
  readonly #api: ApiClient
  readonly #writeKeys: ReadonlyMap<string, string>

  private constructor(api: ApiClient, writeKeys: ReadonlyMap<string, string>) {
    this.#api = api
    this.#writeKeys = writeKeys
  }

  /** Those that are not there yet are made. */
  static async of(api: ApiClient): Promise<LiveSources> {
    const known = await api.call<{ sources: { key: string }[] }>('GET', '/api/sources')
    const keys = new Map<string, string>()
    for (const source of sources) {
      if (known.sources.some(({ key }) => key === source.key)) {
        const { writeKeys } = await api.call<{ writeKeys: { key: string }[] }>('GET', `/api/sources/${source.key}/write-keys`)
        keys.set(source.key, writeKeys[0]?.key ?? '')
      } else keys.set(source.key, (await api.call<{ writeKey: string }>('POST', '/api/sources', source)).writeKey)
    }
    return new LiveSources(api, keys)
  }

  /** Sends rows of the systems in batches; resolves with how many messages they became. */
  async send(rows: readonly Row[]): Promise<number> {
    let sent = 0
    const bySource = Map.groupBy(rows, ({ file }) => exportFiles[file].source)
    for (const [source, own] of bySource) {
      const messages = own.toSorted((a, b) => a.at - b.at).flatMap(messagesOf)
      for (let from = 0; from < messages.length; from += 200) await this.#batch(source, messages.slice(from, from + 200))
      sent += messages.length
    }
    return sent
  }

  async #batch(source: string, batch: readonly object[]): Promise<void> {
    const headers = { authorization: `Basic ${btoa(`${this.#writeKeys.get(source) ?? ''}:`)}`, 'content-type': 'application/json' }
    const answer = await fetch(new URL('/v1/batch', this.#api.url), { method: 'POST', headers, body: JSON.stringify({ batch }) })
    if (answer.ok) return
    throw new Refusal(answer.status, 'demo-batch', `the collector refused a batch of ${source}: it answered ${answer.status}`)
  }
}
