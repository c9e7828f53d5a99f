import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../refusal.ts'

/**
 * The root of every key. From ZHIKE_SECRET, or a file of the data directory that is made at the first start, for its owner only.
 * The directory keeps a fingerprint of it, so that a start with another secret, which could read nothing, is refused.
 */
export function secretOf(dataDir: string, given: string | undefined): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 })
  const file = join(dataDir, 'secret')
  const known = join(dataDir, 'secret.fingerprint')
  const secret = given ?? (existsSync(file) ? readPrivate(file) : madeSecret(file, known))
  if (secret.length < 16)
    throw new Refusal(409, 'secret-damaged', `${file} is damaged. Restore it from a copy, or set ZHIKE_SECRET to what was in it.`)
  const fingerprint = createHash('sha256').update(`zhike-secret\0${secret}`).digest()
  if (!existsSync(known)) writeDurably(dataDir, 'secret.fingerprint', `${fingerprint.toString('hex')}\n`)
  const before = Buffer.from(readPrivate(known), 'hex')
  if (before.length === fingerprint.length && timingSafeEqual(before, fingerprint)) return secret
  throw new Refusal(
    409,
    'other-secret',
    `${dataDir} was made with another secret, and nothing in it could be read with this one. Set ZHIKE_SECRET to that secret, or use another data directory.`,
  )
}

function madeSecret(file: string, fingerprint: string): string {
  if (existsSync(fingerprint))
    throw new Refusal(
      409,
      'secret-missing',
      `${file} is gone and ZHIKE_SECRET is not set, but the directory holds data. Restore one of them: without it nothing personal can be read.`,
    )
  writeDurably(join(file, '..'), 'secret', `${randomBytes(32).toString('base64url')}\n`)
  return readPrivate(file)
}

function readPrivate(file: string): string {
  if ((statSync(file).mode & 0o077) !== 0)
    throw new Refusal(
      500,
      'secret-exposed',
      `${file} can be read by other users. Run: chmod 600 ${file} (and think about who may have read it).`,
    )
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new Refusal(500, 'secret-unreadable', `${file} cannot be read by this user. Run Zhike as the owner of the data directory.`)
  }
}

/** Whole and on disk, or not there; of two processes that write at once the first one wins. */
function writeDurably(dataDir: string, name: string, text: string): void {
  const fresh = join(dataDir, `.${name}.${process.pid}`)
  const file = openSync(fresh, 'w', 0o600)
  try {
    fchmodSync(file, 0o600)
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(fresh, join(dataDir, name))
  } catch (error) {
    // A file system without links.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') renameSync(fresh, join(dataDir, name))
  } finally {
    rmSync(fresh, { force: true })
  }
  const directory = openSync(dataDir, 'r')
  fsyncSync(directory)
  closeSync(directory)
}
