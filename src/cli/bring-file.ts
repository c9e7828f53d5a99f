import { openAsBlob } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../refusal.ts'
import type { ApiClient } from './api-client.ts'
import type { Output } from './output.ts'

/** What of an import a demo tells. */
export interface Brought {
  id: number
  name: string
  state: 'waiting' | 'running' | 'paused' | 'cancelled' | 'done' | 'failed'
  failure: string | null
  rows: { imported: number; rejected: number; repeated: number }
}

export interface FileOfDemo {
  path: string
  name: string
  /** The mapping document, as text. */
  mapping: string
}

/** Hands a file to the imports; it is new, or was brought before. */
export async function uploadFile(api: ApiClient, { path, name, mapping }: FileOfDemo): Promise<{ import: Brought; isNew: boolean }> {
  const form = new FormData()
  form.set('mapping', mapping)
  form.set('file', await openAsBlob(path), name)
  const answer = await api.send('POST', '/api/imports', { body: form })
  return { import: (await answer.json()) as Brought, isNew: answer.status === 201 }
}

/** Resolves when an import has come to its end, and says what it has brought. */
export async function endOfImport(api: ApiClient, added: Brought, isNew: boolean, output: Output): Promise<Brought> {
  let now = added
  while (now.state === 'waiting' || now.state === 'running') {
    await sleep(100)
    now = await api.call<Brought>('GET', `/api/imports/${added.id}`)
  }
  if (now.state !== 'done')
    throw new Refusal(
      500,
      'demo-import',
      now.failure ?? `the import of ${now.name} was ${now.state}: resume it, or use another data directory`,
    )
  output.notes(`  ${now.name}: ${isNew ? `${now.rows.imported.toLocaleString('en')} rows` : 'was here already'}`)
  return now
}
