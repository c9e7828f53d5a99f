import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Overview } from '../pipeline/overview.ts'
import { type Brought, endOfImport, type FileOfDemo, uploadFile } from './bring-file.ts'
import { fillClinic } from './clinic/fill-clinic.ts'
import type { FillDemo } from './context.ts'
import { applyFiles } from './files/apply-files.ts'
import { readWorkspaceFiles } from './files/workspace-files.ts'
import { type Output, table } from './output.ts'
import { tellPortrait } from './tell-portrait.ts'

/** Real data of two shops, carried by the package: see examples/retail/SOURCES.md. */
const retail = new URL('../../examples/retail/', import.meta.url)
const carried = ['households.csv', 'orders.ndjson', 'campaigns.csv', 'redemptions.csv', 'shop-clicks.csv', 'shop-orders.ndjson']

/**
 * Brings the carried files in through the door that everybody's files take, with the definitions that go with them, and tells what was found. A second
 * time brings nothing; a workspace that has definitions keeps those it has.
 */
export const fillDemo: FillDemo = async (api, { clinic, now }, output) => {
  if (clinic) return fillClinic(api, now === undefined ? {} : { now }, output)
  output.notes('filling the workspace with real data of two shops (examples/retail/SOURCES.md)')
  const from = performance.now()
  const started = []
  for (const file of carried) started.push(await uploadFile(api, fileOf(file)))
  const done: Brought[] = []
  for (const { import: added, isNew } of started) done.push(await endOfImport(api, added, isNew, output))
  const seconds = started.some(({ isNew }) => isNew) ? (performance.now() - from) / 1000 : undefined
  const { definitions } = await api.call<{ definitions: object[] }>('GET', '/api/definitions')
  if (definitions.length === 0) await applyFiles(api, readWorkspaceFiles(fileURLToPath(retail)))
  await api.call('POST', '/api/flush')
  const found = await api.call<Overview>('GET', '/api/overview')
  tell(done, seconds, found, await tellPortrait(api, 'en'), api.url, output)
}

function fileOf(name: string): FileOfDemo {
  return {
    path: fileURLToPath(new URL(`files/${name}.gz`, retail)),
    name: `${name}.gz`,
    mapping: readFileSync(new URL(`mappings/${name.split('.')[0]}.json`, retail), 'utf8'),
  }
}

function tell(imports: Brought[], seconds: number | undefined, found: Overview, portrait: string, url: string, output: Output): void {
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
      portrait,
      '',
      'where to look, with the API key as a bearer token:',
      table([
        [`  ${url}/api/profiles/member_id/2261`, 'a household; its id leads to …/api/profiles/{id}/events'],
        [`  ${url}/api/profiles/user_id/541312140`, 'a visitor of the web shop'],
        [`  ${url}/api/tags/lifecycle`, 'a tag, with its rules as sentences'],
        [`  ${url}/api/audiences/coupon_rescue/members`, 'who is in an audience'],
        [`  ${url}/api/events?limit=5`, 'what happened last'],
        [`  ${url}/api/openapi.json`, 'everything there is'],
      ]),
    ].join('\n'),
  )
}

function sumOf(imports: Brought[], count: (rows: Brought['rows']) => number): number {
  return imports.reduce((sum, { rows }) => sum + count(rows), 0)
}

function number(value: number): string {
  return value.toLocaleString('en')
}
