// The security page of an application, under a strict policy.

import { createSessions } from "/client/index.js";

const { api, token, isLogin = true, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)));

window.token = token;
window.violations = [];
window.ended = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => violations.push(violatedDirective));
document.addEventListener("ended", ({ detail }) => ended.push(detail));

window.another = () => createSessions({ baseUrl: api, getToken: () => window.token, ...options });
window.sessions = another();
sessions.start();
if (isLogin) await sessions.login();

// Before the class is there: the element takes up what was set.
window.element = document.querySelector("user-sessions");
element.sessions = sessions;
await import("/client/element.js");
window.isReady = true;
