// Installed below node_modules, where Node does not take the types out of TypeScript by itself: this hook does it for this package's own files.
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const own = new URL('../src/', import.meta.url).href

// Nobody who runs the program can do anything about this one warning.
const { emitWarning } = process
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).startsWith('stripTypeScriptTypes is an experimental feature')) emitWarning.call(process, warning, ...rest)
}

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith(own) || !url.endsWith('.ts')) return nextLoad(url, context)
    return { format: 'module', shortCircuit: true, source: stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8')) }
  },
})
