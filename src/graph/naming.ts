import { z } from '@hono/zod-openapi'

export const keyText = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'a key is lower-case letters, digits and _, beginning with a letter, at most 64')
  .openapi({ example: 'category' })

const name = z.string().trim().min(1).max(100)

/** What every dimension and every relation says of itself. */
export const about = {
  key: keyText.optional().openapi({ description: 'As in the address; may be left out' }),
  zh: name,
  en: name.optional(),
  description: z.string().trim().max(2000).optional(),
  owner: z.string().trim().max(100).optional(),
}
