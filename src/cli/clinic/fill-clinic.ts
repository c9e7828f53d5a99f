import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Overview } from '../../pipeline/overview.ts'
import type { ApiClient } from '../api-client.ts'
import { endOfImport, uploadFile } from '../bring-file.ts'
import { applyFiles } from '../files/apply-files.ts'
import { readWorkspaceFiles } from '../files/workspace-files.ts'
import { type Output, table } from '../output.ts'
import { tellPortrait } from '../tell-portrait.ts'
import { banner, clinicFiles } from './brand.ts'
import { LiveSources } from './live-sources.ts'
import { isLive } from './messages.ts'
import { type PopulationSetting, population, standardPopulation } from './population.ts'
import type { Row } from './rows.ts'
import { writeExports } from './write-exports.ts'

/** What the mini program and WeCom sent in the last days comes through the collector. */
const liveDays = 3

/** The clinic: its definitions, and a year and a half of its generated people, through the doors that everybody's data takes. */
export async function fillClinic(api: ApiClient, asked: Partial<PopulationSetting>, output: Output): Promise<void> {
  const setting = { ...standardPopulation, ...asked }
  const from = performance.now()
  output.notes(`${banner} · everything here is synthetic (examples/clinic/README.md), seed ${setting.seed}`)
  const files = readWorkspaceFiles(fileURLToPath(clinicFiles))
  // Names and marks stand before the facts, what is worked out of them comes after.
  await applyFiles(api, { ...files, definitions: [] })
  const directory = mkdtempSync(join(tmpdir(), 'zhike-clinic-'))
  try {
    const live = await LiveSources.of(api)
    const sent: Row[] = []
    const isSent = (row: Row) => {
      if (!isLive(row) || row.at < setting.now - liveDays * 86_400_000) return false
      sent.push(row)
      return true
    }
    const exports = await writeExports(population(setting), directory, isSent)
    for (const [file, name] of exports) {
      const mapping = readFileSync(new URL(`population/mappings/${file}.json`, clinicFiles), 'utf8')
      const { import: added, isNew } = await uploadFile(api, { path: join(directory, name), name, mapping })
      await endOfImport(api, added, isNew, output)
    }
    const messages = await live.send(sent)
    output.notes(`  the last ${liveDays} days: ${messages.toLocaleString('en')} messages through the collector`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  await applyFiles(api, files)
  await api.call('POST', '/api/flush')
  await tell(api, (performance.now() - from) / 1000, output)
}

async function tell(api: ApiClient, seconds: number, output: Output): Promise<void> {
  const found = await api.call<Overview>('GET', '/api/overview')
  output.out(
    [
      '',
      `${banner} — 澄禾医美(演示)`,
      table([
        ['人 profiles', number(found.profiles)],
        ['行为 events', `${number(found.events)}, ${found.firstEvent?.slice(0, 10)} – ${found.lastEvent?.slice(0, 10)}`],
        ['来源 sources', found.sources.map(({ source, accepted }) => `${source} ${number(accepted)}`).join(', ')],
        ['用时 seconds', seconds.toFixed(0)],
      ]),
      '',
      await tellPortrait(api, 'zh'),
      '',
      '到哪里看(API 密钥作 bearer)· where to look, with the API key as a bearer token:',
      `  ${api.url}/api/audiences/dry_winter/members   谁在人群里 · who is in it`,
      `  ${api.url}/api/profiles/user_id/U100001       一个人的画像 · one person's portrait`,
      `  ${api.url}/api/tags/lifecycle                 规则的中文说法 · a rule as a sentence`,
      `  ${api.url}/api/identity/review                手机号写错的冲突 · conflicts that wrong phones left`,
      `  ${api.url}/api/openapi.json                   全部接口 · everything there is`,
    ].join('\n'),
  )
}

function number(value: number): string {
  return value.toLocaleString('en')
}
