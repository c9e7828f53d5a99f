import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const clone = join(import.meta.dirname, '..', '..')
const bin = join(clone, 'bin', 'zhike.js')
const place = mkdtempSync(join(tmpdir(), 'zhike-launcher-'))
afterAll(() => rmSync(place, { recursive: true }))

/** Makes any Node look like version 18, as far as the launcher sees. */
const old = join(place, 'old.cjs')
writeFileSync(old, "Object.defineProperty(process.versions, 'node', { value: '18.20.0' }); delete process.execve\n")

test('an old Node hands over to the one that the package pins, with arguments, output and exit code', () => {
  const version = spawnSync(process.execPath, ['--require', old, bin, '--version'], { encoding: 'utf8' })
  expect([version.stdout, version.status]).toEqual(['0.1.0\n', 0])
  const nonsense = spawnSync(process.execPath, ['--require', old, bin, 'fly'], { encoding: 'utf8' })
  expect(nonsense.status).toBe(2)
  expect(nonsense.stderr).toContain("unknown command 'fly'")
})

test('through a link, as npm makes one for a bin', () => {
  const link = join(place, 'zhike')
  symlinkSync(bin, link)
  expect(spawnSync(process.execPath, [link, '--version'], { encoding: 'utf8' }).stdout).toBe('0.1.0\n')
  expect(spawnSync(process.execPath, ['--require', old, link, '--version'], { encoding: 'utf8' }).stdout).toBe('0.1.0\n')
})

test('installed below node_modules its TypeScript runs too', () => {
  const installed = join(place, 'node_modules', 'zhike')
  mkdirSync(installed, { recursive: true })
  for (const part of ['bin', 'src', 'package.json'])
    cpSync(join(clone, part), join(installed, part), { recursive: true, filter: path => !path.endsWith('.test.ts') })
  symlinkSync(join(clone, 'node_modules'), join(installed, 'node_modules'))
  const version = spawnSync(process.execPath, [join(installed, 'bin', 'zhike.js'), '--version'], { encoding: 'utf8' })
  expect([version.stderr, version.stdout]).toEqual(['', '0.1.0\n'])
})
