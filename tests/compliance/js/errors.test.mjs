// Errors: status, reason and body to the letter.
import { test } from 'node:test'
import { ada, anon, bob, refused, service, uid } from './session.mjs'

const error = (code, message, details = null, hint = null) => ({ code, message, details, hint })

test('23505, a duplicate', async () => {
  await refused(service.from('tags').insert({ id: 1, name: 'x' }), 409, 'Conflict', error('23505', 'duplicate key value violates unique constraint "tags_pkey"', 'Key (id)=(1) already exists.'))
  await refused(service.from('tags').insert({ id: 9, name: 'red' }).select(), 409, 'Conflict', error('23505', 'duplicate key value violates unique constraint "tags_name_key"', 'Key (name)=(red) already exists.'))
})

test('23503, a reference to nothing, and one that stays', async () => {
  await refused(bob.from('note_tags').insert({ note_id: uid(104), tag_id: 99 }), 409, 'Conflict', error('23503', 'insert or update on table "note_tags" violates foreign key constraint "note_tags_tag_id_fkey"', 'Key (tag_id)=(99) is not present in table "tags".'))
  await refused(service.from('tags').delete().eq('id', 2), 409, 'Conflict', error('23503', 'update or delete on table "tags" violates foreign key constraint "note_tags_tag_id_fkey" on table "note_tags"', 'Key (id)=(2) is still referenced from table "note_tags".'))
})

test('23502, a value that must be', async () => {
  await refused(ada.from('notes').insert({ number: 70 }), 400, 'Bad Request', error('23502', 'null value in column "text" of relation "notes" violates not-null constraint'))
})

test('22P02, a value that cannot be', async () => {
  await refused(ada.from('notes').select().eq('id', 'x'), 400, 'Bad Request', error('22P02', 'invalid input syntax for type uuid: "x"'))
  await refused(ada.from('notes').insert({ number: 'x', text: 'y' }), 400, 'Bad Request', error('22P02', 'invalid input syntax for type integer: "x"'))
  await refused(ada.from('notes').update({ level: 'MIDDLE' }).eq('number', 1), 400, 'Bad Request', error('22P02', 'invalid input value for enum level: "MIDDLE"'))
})

test('42501, what one may not', async () => {
  await refused(anon.from('drafts').select(), 401, 'Unauthorized', error('42501', 'permission denied for table drafts'))
  await refused(ada.from('drafts').select(), 403, 'Forbidden', error('42501', 'permission denied for table drafts'))
  await refused(anon.from('notes').insert({ number: 70, text: 'x' }), 401, 'Unauthorized', error('42501', 'new row violates row-level security policy for table "notes"'))
  await refused(ada.from('notes').insert({ number: 70, text: 'x', author_id: uid(12) }), 403, 'Forbidden', error('42501', 'new row violates row-level security policy for table "notes"'))
  await refused(ada.from('notes').update({ number: -1 }).eq('number', 1), 403, 'Forbidden', error('42501', 'new row violates row-level security policy for table "notes"'))
  await refused(ada.from('notes').update({ likes: 99 }).eq('number', 1), 403, 'Forbidden', error('42501', 'permission denied for column likes of table notes', null, "'likes' is read-only."))
})

test('42703, a column that is not there', async () => {
  await refused(ada.from('notes').select('nope'), 400, 'Bad Request', error('42703', 'column notes.nope does not exist'))
  await refused(ada.from('notes').select().eq('secret', 'x'), 400, 'Bad Request', error('42703', 'column notes.secret does not exist'))
})

test('PGRST100, a filter that cannot be read', async () => {
  await refused(ada.from('notes').select().filter('number', 'abc', 1), 400, 'Bad Request', error('PGRST100', '"failed to parse filter (abc.1)" (line 1, column 1)', 'unexpected "a" expecting "not" or operator (eq, gt, ...)'))
})

test('PGRST200 and PGRST201, relations', async () => {
  await refused(
    ada.from('notes').select('number,tagz(name)'),
    400,
    'Bad Request',
    error('PGRST200', "Could not find a relationship between 'notes' and 'tagz' in the schema cache", "Searched for a foreign key relationship between 'notes' and 'tagz' in the schema 'public', but no matches were found.", "Perhaps you meant 'tags' instead of 'tagz'."),
  )
  await refused(
    ada.from('users').select('notes(number)'),
    300,
    'Multiple Choices',
    error(
      'PGRST201',
      "Could not embed because more than one relationship was found for 'users' and 'notes'",
      [
        { cardinality: 'one-to-many', embedding: 'users with notes', relationship: 'notes_author_id_fkey using users(id) and notes(author_id)' },
        { cardinality: 'many-to-many', embedding: 'users with notes', relationship: 'likes using likes_user_id_fkey(user_id) and likes_note_id_fkey(note_id)' },
      ],
      "Try changing 'notes' to one of the following: 'notes!notes_author_id_fkey', 'notes!likes'. Find the desired relationship in the 'details' key.",
    ),
  )
})

test('PGRST204, a column in the body that is not there', async () => {
  await refused(ada.from('notes').insert({ number: 70, text: 'x', nope: 1 }), 400, 'Bad Request', error('PGRST204', "Could not find the 'nope' column of 'notes' in the schema cache"))
})

test('PGRST205, a table that is not there', async () => {
  await refused(ada.from('note').select(), 404, 'Not Found', error('PGRST205', "Could not find the table 'public.note' in the schema cache", null, "Perhaps you meant the table 'public.notes'"))
})
