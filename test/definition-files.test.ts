import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyFiles, differenceOf } from '../src/cli/files/apply-files.ts'
import { readWorkspaceFiles, type WorkspaceFiles, writeWorkspaceFiles } from '../src/cli/files/workspace-files.ts'
import { workspaceOf } from '../src/cli/files/workspace-of.ts'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

let shop: LivingWorkspace
const folder = mkdtempSync(join(tmpdir(), 'zhike-files-'))
beforeAll(async () => {
  shop = await livingWorkspace(Date.parse('2026-12-10T10:00:00+08:00'))
})
afterAll(async () => {
  await shop.stop()
  rmSync(folder, { recursive: true, force: true })
})

const files: WorkspaceFiles = {
  events: [
    { event: 'Order Completed', properties: { total: { zh: '金额', type: 'number' } } },
    { event: 'Skin Test', sensitive: 'medical' } as never,
  ],
  properties: { category: { zh: '品类' } },
  traits: [
    { key: 'city', zh: '城市', win: ['crm', 'app'] } as never,
    { key: 'wants_news', zh: '愿意收信', mirror: 'consents/marketing' } as never,
  ],
  kinds: [{ kind: 'package', zh: '套餐', namedBy: ['package_id'] } as never],
  entities: new Map([['product', [{ id: 'P1', zh: '护理', category: 'hydration', price: 680 } as never]]]),
  definitions: [
    { kind: 'audience', key: 'buyers', document: { zh: '买家', rule: { tag: 'stage', eq: 'buyer' } } },
    {
      kind: 'tag',
      key: 'stage',
      document: { zh: '阶段', kind: 'rule', values: [{ value: 'buyer', rule: { event: 'Order Completed' } }] },
    },
  ],
}

test('a workspace comes to what files say, shows the difference first, and writes the same files again', async () => {
  await shop.send({ userId: 'lin', event: 'Order Completed', properties: { total: 5, product_id: 'P1' } })
  await shop.flush()
  writeWorkspaceFiles(folder, files)
  const read = readWorkspaceFiles(folder)
  const first = await differenceOf(shop.api, read)
  expect(first.changes.map(({ what, change }) => `${change} ${what}`)).toEqual([
    'create property Order Completed total',
    'create event Skin Test',
    'create property category',
    'create trait city',
    'create trait wants_news',
    'create kind package',
    'create 1 of product',
    'create tag stage',
    'create audience buyers',
  ])
  expect(await shop.api.call('GET', '/api/definitions')).toEqual({ definitions: [] })
  await applyFiles(shop.api, read)
  await shop.flush()
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: { stage: 'buyer' }, audiences: ['buyers'] })
  expect(await differenceOf(shop.api, read)).toEqual({ changes: [], warnings: [] })

  const again = mkdtempSync(join(tmpdir(), 'zhike-files-'))
  writeWorkspaceFiles(again, await workspaceOf(shop.api))
  expect(await differenceOf(shop.api, readWorkspaceFiles(again))).toEqual({ changes: [], warnings: [] })
  rmSync(again, { recursive: true })
})

test('one document that cannot be used keeps all definitions as they are, and is named', async () => {
  const broken = { kind: 'tag', key: 'broken', document: { zh: '坏', kind: 'rule', values: [{ value: true, rule: { tag: 'nobody' } }] } }
  const good = {
    kind: 'tag',
    key: 'good',
    document: { zh: '好', kind: 'rule', values: [{ value: true, rule: { event: 'Order Completed' } }] },
  }
  await shop.api.call('POST', '/api/definitions/apply', { definitions: [good, broken] }).then(
    () => expect.fail('nothing may be applied'),
    error =>
      expect(error).toMatchObject({
        status: 422,
        details: [{ path: 'tag broken: values[0].rule', message: expect.stringContaining('unknown tag') }],
      }),
  )
  await expect(shop.api.call('GET', '/api/tags/good')).rejects.toMatchObject({ status: 404 })
})
