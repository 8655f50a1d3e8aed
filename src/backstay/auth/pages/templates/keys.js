// Asks the browser for a passkey or a security key. Forms that need one are shown where it has any.
'use strict'

const keys = window.PublicKeyCredential
const works = Boolean(keys?.parseCreationOptionsFromJSON && keys.parseRequestOptionsFromJSON)

class Refusal extends Error {}

/** What the form is to be sent with. */
async function ask(form) {
  const sent = { method: 'POST', body: new URLSearchParams(new FormData(form)) }
  const answer = await fetch('/auth/keys/options', sent)
  const { message, make, show, ...told } = await answer.json()
  if (!answer.ok) throw new Refusal(message)
  const key = make
    ? await navigator.credentials.create({ publicKey: keys.parseCreationOptionsFromJSON(make) })
    : await navigator.credentials.get({ publicKey: keys.parseRequestOptionsFromJSON(show) })
  return { ...told, credential: JSON.stringify(key) }
}

async function send(form) {
  const said = form.querySelector('[role=alert]')
  const button = form.querySelector('button')
  said.textContent = ''
  button.disabled = true
  try {
    for (const [name, value] of Object.entries(await ask(form))) {
      form.querySelector(`[name=${name}]`).value = value
    }
    form.submit()
  } catch (error) {
    said.textContent = error instanceof Refusal ? error.message : said.dataset.none
    button.disabled = false
  }
}

for (const form of works ? document.querySelectorAll('form[data-key]') : []) {
  form.hidden = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    send(form)
  })
}
