import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { secretOf } from './secret.ts'

let dataDir = ''
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-secret-'))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

const file = () => join(dataDir, 'secret')

test('the first start makes a secret for its owner only, every later one finds it', () => {
  const secret = secretOf(dataDir, undefined)
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  expect(statSync(`${file()}.fingerprint`).mode & 0o777).toBe(0o600)
  expect(secretOf(dataDir, undefined)).toBe(secret)
  expect(readdirSync(dataDir).sort()).toEqual(['secret', 'secret.fingerprint'])
})

test('a secret of the environment is kept nowhere', () => {
  expect(secretOf(dataDir, 'from the environment')).toBe('from the environment')
  expect(readdirSync(dataDir)).toEqual(['secret.fingerprint'])
  expect(readFileSync(`${file()}.fingerprint`, 'utf8')).not.toContain('environment')
})

test('another secret than the one that the directory was made with is refused, either way round', () => {
  secretOf(dataDir, 'from the environment')
  expect(() => secretOf(dataDir, 'another environment')).toThrow(expect.objectContaining({ code: 'other-secret' }))
  expect(() => secretOf(dataDir, undefined)).toThrow(expect.objectContaining({ code: 'secret-missing' }))
  expect(secretOf(dataDir, 'from the environment')).toBe('from the environment')
})

test('a secret that is not the file’s is refused, the file’s own is not', () => {
  const secret = secretOf(dataDir, undefined)
  expect(() => secretOf(dataDir, 'from the environment')).toThrow(expect.objectContaining({ code: 'other-secret' }))
  expect(secretOf(dataDir, secret)).toBe(secret)
})

test('a lost secret file is not replaced by a new one', () => {
  secretOf(dataDir, undefined)
  rmSync(file())
  expect(() => secretOf(dataDir, undefined)).toThrow(expect.objectContaining({ code: 'secret-missing' }))
  expect(readdirSync(dataDir)).toEqual(['secret.fingerprint'])
})

test('a secret file that others may read is refused', () => {
  secretOf(dataDir, undefined)
  chmodSync(file(), 0o640)
  expect(() => secretOf(dataDir, undefined)).toThrow(expect.objectContaining({ code: 'secret-exposed' }))
})

test('a damaged secret file is refused', () => {
  secretOf(dataDir, undefined)
  writeFileSync(file(), '')
  expect(() => secretOf(dataDir, undefined)).toThrow(expect.objectContaining({ code: 'secret-damaged' }))
})
