import { randomUUID } from 'node:crypto'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { Hopeless } from './engine.ts'
import { type Account, may } from './postgres-account.ts'

/** Where root keeps what the unprivileged user of PostgreSQL cannot get to elsewhere, under /root say. */
const shelter = '/var/lib/zhike'

/**
 * The directory of the data, or, when the account cannot get there, another one that the file `<directory>.place` names from then on.
 * It is made and belongs to the account.
 */
export function placeOfData(directory: string, account: Account, log: Logger): string {
  mkdirSync(dirname(directory), { recursive: true, mode: 0o755 })
  const note = `${directory}.place`
  if (existsSync(note)) return owned(readFileSync(note, 'utf8').trim(), account)
  if (account.uid === undefined || may(account, '-x', dirname(directory))) return owned(directory, account)
  const place = join(sheltered(), randomUUID(), 'postgres')
  mkdirSync(dirname(place), { mode: 0o711 })
  writeFileSync(note, `${place}\n`, { mode: 0o600 })
  log.warn(
    { wanted: directory, place },
    'PostgreSQL does not run as root, and its user cannot get to the data directory: its files are kept in another place',
  )
  return owned(place, account)
}

/** The programs where they are installed, or a copy that the account can get to. */
export function placeOfPrograms(native: string, version: string, account: Account): string {
  if (account.uid === undefined || may(account, '-x', join(native, 'bin', 'postgres'))) return native
  const copy = join(sheltered(), `postgres-${version}`)
  if (!existsSync(copy)) {
    const making = `${copy}.${randomUUID()}`
    cpSync(native, making, { recursive: true, verbatimSymlinks: true })
    chmodSync(making, 0o755)
    try {
      renameSync(making, copy)
    } catch (error) {
      // Another process was faster.
      rmSync(making, { recursive: true, force: true })
      if (!existsSync(copy)) throw error
    }
  }
  if (may(account, '-x', join(copy, 'bin', 'postgres'))) return copy
  throw new Hopeless(
    'data-directory',
    `PostgreSQL does not run as root, and its user cannot get to ${native}. Install Zhike in a place such as /opt, start it as another user, or set ZHIKE_POSTGRES_URL.`,
  )
}

function sheltered(): string {
  mkdirSync(shelter, { recursive: true, mode: 0o711 })
  return shelter
}

function owned(place: string, { uid, gid }: Account): string {
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    if (uid !== undefined && gid !== undefined) chownSync(place, uid, gid)
    if (may({ ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) }, '-w', place)) return place
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES' && (error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  }
  throw new Hopeless(
    'data-directory',
    `The user that runs PostgreSQL (${uid ?? process.getuid?.()}) may not write ${place}. Start Zhike as the user who owns ${basename(place)}, or choose another ZHIKE_DATA.`,
  )
}
