//! Every line of SQL, for both databases.
