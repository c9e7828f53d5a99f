import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeLinks } from './postgres-links.ts'

test('links that the install script did not make are made, those that are there stay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zhike-links-'))
  mkdirSync(join(folder, 'native', 'lib', 'deep'), { recursive: true })
  writeFileSync(join(folder, 'native', 'lib', 'libx.so.1.2'), '')
  writeFileSync(join(folder, 'native', 'lib', 'liby.so'), 'a file')
  const links = [
    { source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so.1' },
    { source: 'native/lib/libx.so.1.2', target: 'native/lib/deep/libx.so' },
    { source: 'native/lib/libx.so.1.2', target: 'native/lib/liby.so' },
  ]
  writeFileSync(join(folder, 'native', 'pg-symlinks.json'), JSON.stringify(links))
  makeLinks(folder)
  makeLinks(folder)
  expect(readlinkSync(join(folder, 'native/lib/libx.so.1'))).toBe('libx.so.1.2')
  expect(readlinkSync(join(folder, 'native/lib/deep/libx.so'))).toBe('../libx.so.1.2')
  expect(() => readlinkSync(join(folder, 'native/lib/liby.so'))).toThrow()
  rmSync(folder, { recursive: true })
})
