import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ownerOf } from './owner.ts'

test('a data directory has one owner, start after start, and another directory has another', () => {
  const directories = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'zhike-owner-')))
  const [first = '', second = ''] = directories
  expect(ownerOf(first)).toBe(ownerOf(first))
  expect(ownerOf(first)).not.toBe(ownerOf(second))
  for (const directory of directories) rmSync(directory, { recursive: true })
})
