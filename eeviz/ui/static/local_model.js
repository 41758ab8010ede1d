// A widget's model without a kernel behind it: what anywidget's has and the modules here use.

// react(name): a value was set by the page itself. send(message): what the page would have told Python.
export function localModel(values, { react = () => {}, send = () => {} } = {}) {
  const ears = new Map();
  const emit = (event, ...args) => (ears.get(event) ?? []).forEach((ear) => ear(...args));
  function put(name, value) {
    if (values[name] === value) return;
    values[name] = value;
    emit(`change:${name}`);
  }
  return {
    get: (name) => values[name],
    set(name, value) {
      put(name, value);
      react(name);
    },
    put, // as Python would: nothing reacts
    emit,
    save_changes() {},
    send,
    on: (event, ear) => ears.set(event, [...(ears.get(event) ?? []), ear]),
    off: (event, ear) => ears.set(event, (ears.get(event) ?? []).filter((other) => other !== ear)),
  };
}
