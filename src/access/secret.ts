import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'
import { writePrivate } from './private-file.ts'

/** The deployment's secret: the one given, else the one kept in `<dataDir>/secret`, made at the first start (256 random bits, mode 600). */
export function secretFor(dataDir: string, given: string | undefined): string {
  if (given !== undefined) return given
  try {
    const kept = readFileSync(join(dataDir, 'secret'), 'utf8').trim()
    if (kept !== '') return kept
    throw new Refusal(
      500,
      'data-directory',
      `${dataDir}/secret is empty: restore it from a backup, personal data cannot be read without it`,
    )
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(32).toString('hex')
  writePrivate(dataDir, 'secret', `${secret}\n`)
  return secret
}

const text = 'zhike'
const context = 'secret-check'

/** At the start, after the migrations. @throws Refusal when the data was written under another secret: to go on would split every person in two */
export async function confirmSecret(postgres: Postgres, keys: Keys): Promise<void> {
  await postgres.query('insert into secret_check (sealed) values ($1) on conflict do nothing', [keys.seal(text, context)])
  const [row] = await postgres.query<{ sealed: Buffer }>('select sealed from secret_check')
  if (row && opens(keys, row.sealed)) return
  throw new Refusal(
    409,
    'data-directory',
    'the data was written under another secret: start with the ZHIKE_SECRET, or the file "secret" in the data directory, that it was made with',
  )
}

function opens(keys: Keys, sealed: Buffer): boolean {
  try {
    return keys.open(sealed, context).toString() === text
  } catch {
    return false
  }
}
