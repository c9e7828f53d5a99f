import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunInfo } from './run.ts'

/** What is durable. The file is replaced as a whole, so a crash leaves the one before or the one after. */
export interface Manifest {
  format: 1
  /** Whoever opened the directory last. Nobody else may write. */
  owner: string
  /** Everything the log holds before this offset is in the runs. */
  coveredThrough: number
  runs: RunInfo[]
}

/** Another process has opened the directory since: what this one remembers counts no more. */
export class DedupTakenOver extends Error {
  override name = 'DedupTakenOver'
}

const fileName = 'manifest.json'

export async function readManifest(directory: string): Promise<Manifest | undefined> {
  const text = await readFile(join(directory, fileName), 'utf8').catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const manifest = JSON.parse(text) as Manifest
  if (manifest.format !== 1) throw new Error(`the dedup directory has format ${manifest.format}, this program knows format 1`)
  return manifest
}

/** Resolves once the manifest and the files it names are durable. @throws DedupTakenOver */
export async function replaceManifest(directory: string, manifest: Manifest): Promise<void> {
  const current = await readManifest(directory)
  if (current?.owner !== manifest.owner) throw new DedupTakenOver('another process has opened this dedup directory')
  await writeManifest(directory, manifest)
}

export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const draft = join(directory, `${fileName}.${manifest.owner}`)
  await using(open(draft, 'w', 0o600), async file => {
    await file.writeFile(JSON.stringify(manifest))
    await file.sync()
  })
  await syncDirectory(directory)
  await rename(draft, join(directory, fileName))
  await syncDirectory(directory)
}

/** Removes what a crash has left: runs that were not finished or are no longer used, drafts of the manifest. */
export async function removeLeftovers(directory: string, manifest: Manifest): Promise<void> {
  const kept = new Set([fileName, ...manifest.runs.flatMap(run => [`${run.name}.run`, `${run.name}.filter`])])
  for (const name of await readdir(directory)) {
    if (!kept.has(name) && /^(run-.*\.(run|filter)|manifest\.json\..*)$/.test(name)) await rm(join(directory, name))
  }
}

async function syncDirectory(directory: string): Promise<void> {
  await using(open(directory, 'r'), file => file.sync())
}

async function using(opening: Promise<FileHandle>, work: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await opening
  await work(file).finally(() => file.close())
}
