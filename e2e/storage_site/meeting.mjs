/** Two tabs that wait for each other: neither is ahead of the other, however long one of them has no processor. */

/** @param {string} name of what they do together @returns {() => Promise<void>} resolves when both have come there as often */
export function meetingOf(name) {
  const channel = new BroadcastChannel(`meeting:${name}`);
  let [mine, other] = [0, 0];
  let met = () => {};
  channel.onmessage = ({ data }) => {
    other = data.at;
    if (data.knows !== mine) channel.postMessage({ at: mine, knows: other }); // it had not opened the channel when this was said
    if (other >= mine) met();
  };
  return () => new Promise((resolve) => {
    mine += 1;
    met = () => resolve(undefined);
    channel.postMessage({ at: mine, knows: other });
    if (other >= mine) met();
  });
}
