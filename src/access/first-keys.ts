import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../refusal.ts'
import { writePrivate } from './private-file.ts'

/** The keys that exist from the first start on: one for the API with every permission, one that sends events. */
export interface FirstKeys {
  apiKey: string
  writeKey: string
}

/** 192 random bits behind a prefix that says what it is (and lets scanners of leaked keys find it). */
export function newKey(prefix: 'zk' | 'zw'): string {
  return `${prefix}_${randomBytes(24).toString('base64url')}`
}

/** The keys kept in `<dataDir>/keys.json`; undefined before the first start. */
export function firstKeysIn(dataDir: string): FirstKeys | undefined {
  let text: string
  try {
    text = readFileSync(join(dataDir, 'keys.json'), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Refusal(500, 'data-directory', `${dataDir}/keys.json cannot be read by this user; run it as the owner of the data directory`)
  }
  const known = parsed(text)
  if (known) return known
  throw new Refusal(
    500,
    'data-directory',
    `${dataDir}/keys.json is damaged: restore it, or remove it and set ZHIKE_API_KEY to make new keys`,
  )
}

/** The first keys, made when there are none: those of the environment where it names them. Kept for the owner only. */
export function firstKeys(
  dataDir: string,
  given: { apiKey: string | undefined; writeKey: string | undefined },
): FirstKeys & { isNew: boolean } {
  const known = firstKeysIn(dataDir)
  const keys = { apiKey: given.apiKey ?? known?.apiKey ?? newKey('zk'), writeKey: given.writeKey ?? known?.writeKey ?? newKey('zw') }
  const isSame = known?.apiKey === keys.apiKey && known.writeKey === keys.writeKey
  if (!isSame) writePrivate(dataDir, 'keys.json', `${JSON.stringify(keys, null, 2)}\n`)
  return { ...keys, isNew: known === undefined }
}

function parsed(text: string): FirstKeys | undefined {
  try {
    const { apiKey, writeKey } = JSON.parse(text) as Partial<FirstKeys>
    return typeof apiKey === 'string' && typeof writeKey === 'string' ? { apiKey, writeKey } : undefined
  } catch {
    return undefined
  }
}
