import { existsSync, lstatSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { Hopeless } from './engine.ts'

/**
 * Packages cannot hold links, so that of PostgreSQL makes them in its install script. Where install scripts are off, they are made here.
 * @param folder of the package
 */
export function makeLinks(folder: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  const missing = links.filter(({ target }) => !lstatSync(join(folder, target), { throwIfNoEntry: false }))
  try {
    for (const { source, target } of missing) makeLink(relative(dirname(target), source), join(folder, target))
  } catch {
    throw new Hopeless(
      'engine-missing',
      `The package ${basename(dirname(folder))}/${basename(folder)} was installed without its install script, and its links cannot be made now. Run: npm rebuild ${basename(dirname(folder))}/${basename(folder)}`,
    )
  }
}

function makeLink(source: string, target: string): void {
  try {
    symlinkSync(source, target)
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
