import { benchCommand } from './command.ts'

/** `npm run bench -- NAME [--option value …]` */
process.exit(await benchCommand(import.meta.dirname, process.argv.slice(2), line => console.log(line)))
