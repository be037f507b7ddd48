extension EdgePages {
    /// `/.wormkey/overlay.js`: a valid script that does nothing yet.
    ///
    /// The address is part of every created session, so pages may include it already; the bar itself (spec: tunnel
    /// sessions, 3.7) is not part of this version.
    static let overlayScript = """
        // Daypass overlay. This version of the server has no overlay bar yet, so this script does nothing.
        // The owner of a session manages it in the owner's room, behind the owner link that was printed when the
        // session was created.

        """
}
