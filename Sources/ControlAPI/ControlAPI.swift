//! ControlAPI: where sessions are created and managed, over HTTP (spec: tunnel sessions, section 1).
//!
//! `RouteTable` says which calls exist, `CallerGate` who may make them, `SessionRoutes` and `AdminRoutes` what they do,
//! `ControlResponder` turns every outcome into an answer, `OpenAPIDocument` describes all of it. Bodies are read and
//! checked by the pure types in `SessionModel/Requests`.
