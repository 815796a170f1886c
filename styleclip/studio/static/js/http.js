// Requests to the server that the page came from; every address is relative to the page.

export async function getJSON(path) {
  return (await answer(path)).json();
}

// `body` (a Blob or File) as it is; the server keeps `name` to show it.
export async function postBytes(path, body, name) {
  return (await answer(path, {method: "POST", body, headers: {"X-Name": encodeURIComponent(name)}})).json();
}

export async function postJSON(path, value) {
  const headers = {"Content-Type": "application/json"};
  return answer(path, {method: "POST", body: JSON.stringify(value), headers});
}

// The response; throws an Error with the server's sentence where it refuses.
async function answer(path, options = {}) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), options);
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Error(told.error ?? `The server answered ${response.status} to ${path}.`);
}
