import { join } from 'node:path'
import { expect, test } from 'vitest'
import { directionFaults, sourcesIn } from './import-direction.ts'

const root = join(import.meta.dirname, '..')

test('imports in src/ point one way', () => {
  const sources = sourcesIn(join(root, 'src'))
  expect(sources.length).toBeGreaterThan(5)
  expect(directionFaults(sources)).toEqual([])
})

const source = (path: string, ...imported: string[]) => ({ path, text: imported.map(to => `import { x } from '${to}'\n`).join('') })

test('a folder may import its own layer and those before it', () => {
  expect(
    directionFaults([
      source('pipeline/batch.ts', '../store/postgres.ts', '../identity/resolve.ts'),
      source('identity/resolve.ts', '../collect/event.ts'),
    ]),
  ).toEqual([])
})

test('rules knows no tag, and nobody but the command line imports http', () => {
  expect(directionFaults([source('rules/compile.ts', '../tags/tag.ts')])[0]).toContain('rules comes before tags')
  expect(directionFaults([source('collect/routes.ts', '../http/problem.ts')])[0]).toContain('collect comes before http')
  expect(directionFaults([source('cli/serve.ts', '../http/app.ts')])).toEqual([])
})

test('imports of types, dynamic imports, re-exports and workers count', () => {
  const ways = [
    `import type { T } from '../http/a.ts'`,
    `await import('../http/a.ts')`,
    `export * from '../http/a.ts'`,
    `new Worker(new URL('../http/a.ts', import.meta.url))`,
    `import '../http/a.ts'`,
  ]
  for (const text of ways) expect(directionFaults([{ path: 'log/log.ts', text }]), text).toHaveLength(1)
})

test('a circle between folders of one layer is told with its path', () => {
  const faults = directionFaults([
    source('identity/a.ts', '../profiles/b.ts'),
    source('profiles/b.ts', '../dictionary/c.ts'),
    source('dictionary/c.ts', '../identity/a.ts'),
  ])
  expect(faults).toHaveLength(1)
  expect(faults[0]).toContain('src/identity/a.ts → src/profiles/b.ts')
  expect(faults[0]).toContain('src/profiles/b.ts → src/dictionary/c.ts')
})

test('tests may import what they like', () => {
  expect(
    directionFaults([
      source('collect/routes.test.ts', '../http/app.ts', '../../test/stores.ts'),
      source('log/log.fixture.ts', '../http/app.ts'),
    ]),
  ).toEqual([])
  expect(directionFaults([source('log/file.ts', './log.fixture.ts')])[0]).toContain('for tests alone')
})

test('the program needs nothing outside of src/, and files directly in src/ import no folder', () => {
  expect(directionFaults([source('log/file.ts', '../../test/stores.ts')])[0]).toContain('move it in')
  expect(directionFaults([source('refusal.ts', './http/problem.ts')])[0]).toContain('import no folder')
})

test('only the edge starts what is put together', () => {
  expect(
    directionFaults([
      source('core.ts', './pipeline/worker.ts'),
      source('serve.ts', './core.ts', './http/api.ts'),
      source('cli/main.ts', '../serve.ts'),
    ]),
  ).toEqual([])
  expect(directionFaults([source('pipeline/worker.ts', '../core.ts')])[0]).toContain('pipeline comes before core.ts')
  expect(directionFaults([source('core.ts', './http/api.ts')])[0]).toContain('core.ts comes before http')
})

test('a drawer for anything is refused, and so is a folder without a place', () => {
  for (const path of ['log/utils.ts', 'collect/types.ts', 'store/helpers/a.ts', 'constants.ts'])
    expect(directionFaults([source(path)])[0], path).toContain('drawer')
  expect(directionFaults([source('warehouse/a.ts')])[0]).toContain('no place')
})
