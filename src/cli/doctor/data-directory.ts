import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding, Look } from './finding.ts'

const secretFiles = ['secret', 'keys.json', 'server.json']

export const dataDirectory: Look = ({ dataDir, postgresUrl }) => {
  const about = 'data directory'
  if (!existsSync(dataDir)) {
    const parent = nearestExisting(dataDir)
    if (isWritable(parent))
      return hidden(dataDir, postgresUrl) ?? { about, state: 'ok', found: `${dataDir} does not exist yet; the first start makes it` }
    return {
      about,
      state: 'fault',
      found: `${dataDir} cannot be made: ${parent} is not writable`,
      todo: 'choose another place with ZHIKE_DATA, or let this user write there',
    }
  }
  if (!statSync(dataDir).isDirectory())
    return { about, state: 'fault', found: `${dataDir} is a file`, todo: 'choose a directory with ZHIKE_DATA' }
  if (!isWritable(dataDir))
    return { about, state: 'fault', found: `${dataDir} is not writable for this user`, todo: 'run it as the user who owns the directory' }
  const open = secretFiles.filter(name => existsSync(join(dataDir, name)) && (statSync(join(dataDir, name)).mode & 0o077) !== 0)
  if (open.length > 0) {
    return {
      about,
      state: 'fault',
      found: `others may read ${open.join(', ')} in ${dataDir}`,
      todo: `chmod 600 ${open.map(name => join(dataDir, name)).join(' ')}`,
    }
  }
  return hidden(dataDir, postgresUrl) ?? { about, state: 'ok', found: `${dataDir} is there, writable, its secrets are for its owner only` }
}

/** Started by root, PostgreSQL runs as an unprivileged user; what it cannot reach is kept in another place. */
function hidden(dataDir: string, postgresUrl: string | undefined): Finding | undefined {
  if (postgresUrl !== undefined || process.getuid?.() !== 0) return undefined
  const closed = ancestors(dataDir).find(
    directory => existsSync(directory) && (statSync(directory).mode & 0o001) === 0 && statSync(directory).uid === 0,
  )
  if (!closed || closed === dataDir) return undefined
  return {
    about: 'data directory',
    state: 'warning',
    found: `PostgreSQL does not run as root, and ${closed} lets nobody else through to ${dataDir}: its files are kept below /var/lib/zhike`,
    todo: `to have them beside the others, choose another place with ZHIKE_DATA before the first start; ${dataDir}/postgres.place names where they are`,
  }
}

function ancestors(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [...ancestors(parent), path]
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path))
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
