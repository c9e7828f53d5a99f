import { openAsBlob, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Overview } from '../pipeline/overview.ts'
import { Refusal } from '../refusal.ts'
import type { ApiClient } from './api-client.ts'
import type { FillDemo } from './context.ts'
import { type Output, table } from './output.ts'

/** Real data of two shops, carried by the package: see examples/retail/SOURCES.md. */
const retail = new URL('../../examples/retail/', import.meta.url)
const carried = ['households.csv', 'orders.ndjson', 'campaigns.csv', 'redemptions.csv', 'shop-clicks.csv', 'shop-orders.ndjson']

/** What of an import the demo tells. */
interface Brought {
  id: number
  name: string
  state: 'waiting' | 'running' | 'paused' | 'cancelled' | 'done' | 'failed'
  failure: string | null
  rows: { imported: number; rejected: number }
}

/** Brings the carried files in through the door that everybody's files take, and tells what was found. A second time brings nothing. */
export const fillDemo: FillDemo = async (api, { clinic }, output) => {
  if (clinic) throw new Refusal(501, 'not-built', 'the clinic is not part of this version: leave --clinic out')
  output.notes('filling the workspace with real data of two shops (examples/retail/SOURCES.md)')
  const from = performance.now()
  const started = []
  for (const file of carried) started.push(await upload(api, file))
  const done: Brought[] = []
  for (const { import: added, isNew } of started) done.push(await finished(api, added, isNew, output))
  await api.call('POST', '/api/flush')
  const isFirst = started.some(({ isNew }) => isNew)
  tell(done, isFirst ? (performance.now() - from) / 1000 : undefined, await api.call<Overview>('GET', '/api/overview'), api.url, output)
}

async function upload(api: ApiClient, file: string): Promise<{ import: Brought; isNew: boolean }> {
  const form = new FormData()
  form.set('mapping', readFileSync(new URL(`mappings/${file.split('.')[0]}.json`, retail), 'utf8'))
  form.set('file', await openAsBlob(fileURLToPath(new URL(`files/${file}.gz`, retail))), `${file}.gz`)
  const answer = await api.send('POST', '/api/imports', { body: form })
  return { import: (await answer.json()) as Brought, isNew: answer.status === 201 }
}

async function finished(api: ApiClient, added: Brought, isNew: boolean, output: Output): Promise<Brought> {
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
  output.notes(`  ${now.name}: ${isNew ? `${number(now.rows.imported)} rows` : 'was here already'}`)
  return now
}

function tell(imports: Brought[], seconds: number | undefined, found: Overview, url: string, output: Output): void {
  const imported = sumOf(imports, rows => rows.imported)
  const took = seconds === undefined ? '' : ` in ${seconds.toFixed(1)} s, ${number(Math.round(imported / seconds))} rows a second`
  output.out(
    [
      '',
      table([
        ['profiles', number(found.profiles)],
        ['events', `${number(found.events)}, ${found.firstEvent?.slice(0, 10)} to ${found.lastEvent?.slice(0, 10)}`],
        ['sources', found.sources.map(({ source, accepted }) => `${source} ${number(accepted)}`).join(', ')],
        ['imported', `${number(imported)} rows${took}`],
        ['rejected', `${number(sumOf(imports, rows => rows.rejected))} rows`],
      ]),
      '',
      'where to look, with the API key as a bearer token:',
      `  ${url}/api/profiles/member_id/2261     a household; its id leads to …/api/profiles/{id}/events`,
      `  ${url}/api/profiles/user_id/541312140  a visitor of the web shop`,
      `  ${url}/api/events?limit=5              what happened last`,
      `  ${url}/api/openapi.json                everything there is`,
    ].join('\n'),
  )
}

function sumOf(imports: Brought[], count: (rows: Brought['rows']) => number): number {
  return imports.reduce((sum, { rows }) => sum + count(rows), 0)
}

function number(value: number): string {
  return value.toLocaleString('en')
}
