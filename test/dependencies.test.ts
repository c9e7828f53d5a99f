import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'

const root = join(import.meta.dirname, '..')
const versions = z.record(z.string(), z.string())
const manifest = z
  .object({ dependencies: versions, devDependencies: versions, optionalDependencies: versions })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
const pinned = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }

test('docs/dependencies.md gives a reason for exactly the packages of package.json', () => {
  const page = readFileSync(join(root, 'docs', 'dependencies.md'), 'utf8')
  const explained = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name)
  expect(explained.sort()).toEqual(Object.keys(pinned).sort())
})

test('every version is exact', () => {
  expect(Object.entries(pinned).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
})
