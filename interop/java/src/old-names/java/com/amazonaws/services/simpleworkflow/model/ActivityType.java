package com.amazonaws.services.simpleworkflow.model;

/** A name that the annotation processor's output imports until the build has moved its imports; never compiled. */
public class ActivityType {}
